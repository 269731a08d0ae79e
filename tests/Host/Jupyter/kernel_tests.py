"""jupyter_kernel_test, the protocol's own conformance tests, on the kernel that JUPYTER_PATH registers."""

import unittest

import jupyter_kernel_test
from jupyter_client.utils import run_sync

PATIENCE = 120  # The tests allow 15 s for a reply and 0.1 s for a published message: too little for a machine that is busy with other tests.


class ApertureKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "aperture"
    language_name = "C#"
    file_extension = ".csx"

    code_hello_world = 'Print("hello, world");'
    code_stderr = 'Console.Error.WriteLine("to stderr");'
    code_generate_error = 'throw new InvalidOperationException("on purpose");'
    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": "var list = new List<int> { 1, 2 }; list", "result": "[1, 2]"},
        {"code": 'await Task.Delay(1); return "awaited";', "result": "awaited"},
    ]
    code_display_data = [
        {"code": "Show(Image.FromRgb(new byte[12], 2, 2));", "mime": "image/png"},
        {"code": 'Progress("steps", 3);', "mime": "text/html"},
        {"code": 'Show("text");', "mime": "text/plain"},
    ]
    code_clear_output = "ClearOutput();"
    code_history_pattern = "6 *"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Console.WriteLine"
    completion_samples = [
        {"text": "Console.WriteL", "matches": {"WriteLine"}},
        {"text": "ModelOpt", "matches": {"ModelOptions"}},
        {"text": "no completion here;"},
    ]
    complete_code_samples = ["1 + 1", "var x = 3;", "for (int i = 0; i < 3; i++)\n{\n    Print(i);\n}", "// a comment"]
    incomplete_code_samples = ["for (int i = 0; i < 3; i++)\n{", "Print(", 'var text = """\n  half']
    invalid_code_samples = ["int x = ;", ")"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kc.execute_interactive("1", timeout=PATIENCE, output_hook=lambda message: None)
        cls.brief = cls.kc.iopub_channel.get_msg
        cls.kc.iopub_channel.get_msg = lambda timeout=None: cls.brief(timeout=PATIENCE)

    def flush_channels(self):
        for get in (self.kc.shell_channel.get_msg, type(self).brief):
            while True:
                try:
                    jupyter_kernel_test.validate_message(run_sync(get)(timeout=0.1))
                except jupyter_kernel_test.Empty:
                    break

    def execute_helper(self, code, timeout=PATIENCE, **how):
        return super().execute_helper(code, timeout=timeout, **how)


if __name__ == "__main__":
    unittest.main()
